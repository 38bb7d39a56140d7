"""One file for each model family; the file has the name of the model's id."""
