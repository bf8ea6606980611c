"""The command line: reads options, calls the library, prints, and exits with a code."""
