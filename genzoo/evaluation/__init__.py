"""What a trained model is worth: evaluation by metrics, baselines, sampling, anomaly scores, compression, denoising.
The metrics themselves are plugins.
"""
