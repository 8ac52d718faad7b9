"""fieldstation logs instruments in the field and loses nothing on the way to the picture."""

__version__ = "0.1.0"
