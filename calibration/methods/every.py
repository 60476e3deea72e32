"""All recalibration methods by name; `KEEPS_CLASSES` names those that never change a prediction."""

from calibration.methods.beta import BetaCalibration
from calibration.methods.maps import (
    HistogramBinning,
    Isotonic,
    MatrixScaling,
    PlattScaling,
    TemperatureScaling,
    VectorScaling,
)
from calibration.methods.structured import StructuredMatrixScaling, StructuredVectorScaling

METHODS = {
    "temperature": TemperatureScaling,
    "platt": PlattScaling,
    "beta": BetaCalibration,
    "vector": VectorScaling,
    "matrix": MatrixScaling,
    "structured_vector": StructuredVectorScaling,
    "structured_matrix": StructuredMatrixScaling,
    "histogram": HistogramBinning,
    "isotonic": Isotonic,
}
KEEPS_CLASSES = ("temperature",)
