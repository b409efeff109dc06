"""Whether a campaign is what it says it is: everything on record, checked against everything else. Never writes."""
