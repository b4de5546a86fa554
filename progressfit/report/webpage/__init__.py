"""The report page: one HTML file with the answer, interactive charts and the fit card."""
