"""Workers: who runs jobs, how they are told, and what happens when they die."""
