"""What PyNEST's modules of plots draw, from any object with PyNEST's interface."""
