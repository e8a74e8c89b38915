"""The shell around the cores: acts come in one after another, are kept by the journal, and only then answered."""
