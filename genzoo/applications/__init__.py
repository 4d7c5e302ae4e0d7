"""What a trained model is good for, as functions of tensors."""
