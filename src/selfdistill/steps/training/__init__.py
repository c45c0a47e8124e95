"""Step 2 of SSD: which samples are trained on (`filter`), as which ids and labels (`data`), in which micro-batches
(`batches`), to which loss (`tiles`, computed in the model's own `head`)."""
