"""Tables, figures, claims and the page. Reads run folders and results; knows no method, never trains."""
