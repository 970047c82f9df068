"""Running a translated model as Core ML would."""
