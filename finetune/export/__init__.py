"""From a merged model to the files that are served."""
