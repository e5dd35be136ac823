"""What every suite can use; the fixtures of each real server live in a module of their own."""

pytest_plugins = [
    "tests.fixtures_postgresql",
    "tests.fixtures_database",
    "tests.fixtures_rabbitmq",
    "tests.fixtures_messaging",
    "tests.fixtures_seaweedfs",
    "tests.fixtures_installation",
]
