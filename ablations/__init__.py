"""The studies: one TOML file each; the file's name is the study's name."""
