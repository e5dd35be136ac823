"""What the `audio2txt` command does, one module a subcommand. Imports are light: most commands run for a second."""
