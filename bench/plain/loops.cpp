// Plain loops over time, one template each, built with the flags a C programmer would use.
#include "bench/plain/loops.h"

#include <cmath>

namespace jaxc::bench {

namespace {

template <int M>
void dlm_backward(std::span<const float* const> inputs, std::span<float* const> outputs, std::size_t steps) {
  const float* A = inputs[0];
  const float* b = inputs[1];
  const float* S = inputs[2];
  float r[M] = {};
  float N[M][M] = {};
  for (std::size_t t = steps; t-- > 0;) {
    const float(*At)[M] = reinterpret_cast<const float(*)[M]>(A + t * M * M);
    const float(*St)[M] = reinterpret_cast<const float(*)[M]>(S + t * M * M);
    float* r_out = outputs[2] + t * M;
    float* N_out = outputs[3] + t * M * M;
    for (int i = 0; i < M; ++i) r_out[i] = r[i];
    for (int i = 0; i < M; ++i)
      for (int j = 0; j < M; ++j) N_out[i * M + j] = N[i][j];
    float next_r[M];
    for (int i = 0; i < M; ++i) next_r[i] = b[t * M + i];
    for (int k = 0; k < M; ++k)
      for (int i = 0; i < M; ++i) next_r[i] += At[k][i] * r[k];
    float AtN[M][M] = {};
    for (int i = 0; i < M; ++i)
      for (int k = 0; k < M; ++k)
        for (int j = 0; j < M; ++j) AtN[i][j] += At[k][i] * N[k][j];
    float next_N[M][M];
    for (int i = 0; i < M; ++i)
      for (int j = 0; j < M; ++j) next_N[i][j] = St[i][j];
    for (int i = 0; i < M; ++i)
      for (int k = 0; k < M; ++k)
        for (int j = 0; j < M; ++j) next_N[i][j] += AtN[i][k] * At[k][j];
    for (int i = 0; i < M; ++i) r[i] = next_r[i];
    for (int i = 0; i < M; ++i)
      for (int j = 0; j < M; ++j) N[i][j] = next_N[i][j];
  }
  for (int i = 0; i < M; ++i) outputs[0][i] = r[i];
  for (int i = 0; i < M; ++i)
    for (int j = 0; j < M; ++j) outputs[1][i * M + j] = N[i][j];
}

template <int M>
void kalman(std::span<const float* const> inputs, std::span<float* const> outputs, std::size_t steps) {
  const float(*F)[M] = reinterpret_cast<const float(*)[M]>(inputs[0]);
  const float* H = inputs[1];
  const float(*Q)[M] = reinterpret_cast<const float(*)[M]>(inputs[2]);
  const float* ys = inputs[3];
  float mean[M] = {};
  float P[M][M] = {};
  for (int i = 0; i < M; ++i) P[i][i] = 1;
  for (std::size_t t = 0; t < steps; ++t) {
    float predicted[M] = {};
    for (int i = 0; i < M; ++i)
      for (int k = 0; k < M; ++k) predicted[i] += F[i][k] * mean[k];
    float FP[M][M] = {};
    for (int i = 0; i < M; ++i)
      for (int k = 0; k < M; ++k)
        for (int j = 0; j < M; ++j) FP[i][j] += F[i][k] * P[k][j];
    float C[M][M];
    for (int i = 0; i < M; ++i)
      for (int j = 0; j < M; ++j) C[i][j] = Q[i][j];
    for (int i = 0; i < M; ++i)
      for (int k = 0; k < M; ++k)
        for (int j = 0; j < M; ++j) C[i][j] += FP[i][k] * F[j][k];
    float HC[M] = {};
    for (int k = 0; k < M; ++k)
      for (int j = 0; j < M; ++j) HC[j] += H[k] * C[k][j];
    float variance = 0.5F;
    for (int j = 0; j < M; ++j) variance += HC[j] * H[j];
    float gain[M] = {};
    for (int i = 0; i < M; ++i)
      for (int k = 0; k < M; ++k) gain[i] += C[i][k] * H[k];
    for (int i = 0; i < M; ++i) gain[i] /= variance;
    float innovation = ys[t];
    for (int k = 0; k < M; ++k) innovation -= H[k] * predicted[k];
    float* mean_out = outputs[2] + t * M;
    float* P_out = outputs[3] + t * M * M;
    for (int i = 0; i < M; ++i) mean_out[i] = mean[i] = predicted[i] + gain[i] * innovation;
    for (int i = 0; i < M; ++i)
      for (int j = 0; j < M; ++j) P_out[i * M + j] = P[i][j] = C[i][j] - gain[i] * gain[j] * variance;
    outputs[4][t] = -0.5F * (std::log(variance) + innovation * innovation / variance);
  }
  for (int i = 0; i < M; ++i) outputs[0][i] = mean[i];
  for (int i = 0; i < M; ++i)
    for (int j = 0; j < M; ++j) outputs[1][i * M + j] = P[i][j];
}

}  // namespace

PlainLoop plain_kalman(int size) {
  switch (size) {
    case 2:
      return kalman<2>;
    case 4:
      return kalman<4>;
    case 8:
      return kalman<8>;
    case 13:
      return kalman<13>;
    default:
      return nullptr;
  }
}

PlainLoop plain_dlm_backward(int size) {
  switch (size) {
    case 2:
      return dlm_backward<2>;
    case 4:
      return dlm_backward<4>;
    case 8:
      return dlm_backward<8>;
    case 13:
      return dlm_backward<13>;
    default:
      return nullptr;
  }
}

}  // namespace jaxc::bench
