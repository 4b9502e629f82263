"""Known defects to plant into a copy of someone's rows; each names the check that must find it. See `core.planting`."""
