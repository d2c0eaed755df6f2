"""What a step costs: timed here, or compiled for chips that are not here."""
