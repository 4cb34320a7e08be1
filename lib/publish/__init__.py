"""Run notebooks, stamp them, keep the numbers in prose true, render the site."""
