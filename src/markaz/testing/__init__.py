"""What authors of engines and simplifications test their work with."""
