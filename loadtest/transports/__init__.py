"""How requests travel: each module makes requests ready once, and sends them again and again."""
