"""Step 2 of SSD: which samples are trained on (`filter`), as which ids and labels (`data`), to which loss (`soft`)."""
