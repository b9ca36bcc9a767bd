"""The schema's history: `versions/NNNN_name.sql`, each run by the `.py` file of the same name."""
