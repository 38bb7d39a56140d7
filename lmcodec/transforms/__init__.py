"""One file for each kind of content; the file has the name of the transform's id."""
