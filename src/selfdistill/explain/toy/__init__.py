"""The paper's toy (App. C.4): a finite-state machine whose success probability is known in closed form."""
