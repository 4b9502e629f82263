"""Where batch functions run: this machine's cores."""
