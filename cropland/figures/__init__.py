"""Figures: each function draws one, from plain numbers, and gives its bytes."""
