public import Numerics

extension BlockType {
  /// t² of standard normal weights without importances: which of two types is the better one at its size.
  ///
  /// Measured with these quantisers on 2^20 numbers of numpy's `default_rng(0).standard_normal`, 1,024 rows of 1,024: `lathe estimate`.
  public var normalError: Double? { Self.normalErrors[self] }

  private static let normalErrors: [BlockType: Double] = [
    .q8_0: 2.87e-5, .q6_k: 3.14e-4, .q5_k: 1.30e-3, .q5_1: 1.43e-3, .q5_0: 1.83e-3, .q4_k: 5.08e-3, .iq4_nl: 5.79e-3,
    .iq4_xs: 5.88e-3, .q4_1: 6.11e-3, .q4_0: 7.39e-3, .nvfp4: 9.04e-3, .mxfp4: 1.32e-2, .q3_k: 2.28e-2,
    .iq3_s: 2.76e-2, .iq3_xxs: 4.54e-2, .iq2_s: 7.01e-2, .q2_k: 8.80e-2, .iq2_xs: 8.98e-2, .iq2_xxs: 0.118,
    .iq1_s: 0.236, .iq1_m: 0.339, .q1_0: 0.361, .q2_0: 0.516, .tq1_0: 0.652, .tq2_0: 0.652,
  ]
}
