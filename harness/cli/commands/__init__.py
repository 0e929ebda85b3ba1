"""The commands of `ablate`: the name of a module is the name of its command."""
