"""Which operators of a model a delegate takes, by its documentation."""
