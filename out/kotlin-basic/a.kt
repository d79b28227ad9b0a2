val creds = BasicAWSCredentials("AKIA6FWE2JBS32HCCYVR",
    "eEnAJNEZ0lhTFrouRww6xNi3em3hmrB1oCwRHq7t")