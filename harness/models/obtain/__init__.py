"""From a job to its predictions: trained, loaded or given. Never scores anything."""
