"""What every suite can use; the fixtures of each real server live in a module of their own."""

import structlog
from hypothesis import HealthCheck, settings

pytest_plugins = [
    "tests.fixtures_postgresql",
    "tests.fixtures_database",
    "tests.fixtures_rabbitmq",
    "tests.fixtures_messaging",
    "tests.fixtures_seaweedfs",
    "tests.fixtures_installation",
    "tests.fixtures_gateway",
    "tests.scheduling",
]

settings.register_profile("anywhere", deadline=None, suppress_health_check=[HealthCheck.too_slow])  # also on a busy machine
settings.load_profile("anywhere")

# Tests provoke hundreds of errors; a traceback with every variable of every frame takes longer than what it tells about.
_renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[*structlog.get_config()["processors"][:-1], _renderer])
