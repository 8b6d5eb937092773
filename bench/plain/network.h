// What the loops of recurrent networks share.
#pragma once

#include <cmath>

namespace jaxc::bench {

inline float sigmoid(float x) {
  return 1 / (1 + std::exp(-x));
}

/// result[Columns] += x[Rows] weights[Rows, Columns]
template <int Rows, int Columns>
void add_product(const float* x, const float* weights, float* result) {
  for (int k = 0; k < Rows; ++k)
    for (int j = 0; j < Columns; ++j) result[j] += x[k] * weights[k * Columns + j];
}

}  // namespace jaxc::bench
