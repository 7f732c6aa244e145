"""Small scripts around the repository: environment, lock files, printed pages, examples."""
