"""What lies on disk: the frozen data set, the ledger, the journal, the vector cache, the run folder."""
