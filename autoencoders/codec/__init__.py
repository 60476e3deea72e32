"""Images in one small file: the format, the entropy coder, the command line, and classical rivals."""
