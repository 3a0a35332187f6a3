"""Groups of commands, one file each: they parse, then call one function."""
