// Plain loops of the filters: the backward pass of a dynamic linear model, and Kalman's.
#include <cmath>
#include <cstddef>

#include "bench/plain/loops.h"

namespace jaxc::bench {

namespace {

template <int M, int Steps>
void dlm_backward(Inputs inputs, Outputs outputs) {
  const float* A = in(inputs, 0);
  const float* b = in(inputs, 1);
  const float* S = in(inputs, 2);
  float r[M] = {};
  float N[M][M] = {};
  for (std::size_t t = Steps; t-- > 0;) {
    const float(*At)[M] = reinterpret_cast<const float(*)[M]>(A + t * M * M);
    const float(*St)[M] = reinterpret_cast<const float(*)[M]>(S + t * M * M);
    float* r_out = out(outputs, 2) + t * M;
    float* N_out = out(outputs, 3) + t * M * M;
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
  for (int i = 0; i < M; ++i) out(outputs, 0)[i] = r[i];
  for (int i = 0; i < M; ++i)
    for (int j = 0; j < M; ++j) out(outputs, 1)[i * M + j] = N[i][j];
}

// Means, covariances and log-likelihoods of one series; outputs in the order of the program.
template <int M>
void filter(const float* transition, const float* H, const float* noise, const float* ys, int steps,
            float* const* outputs) {
  const float(*F)[M] = reinterpret_cast<const float(*)[M]>(transition);
  const float(*Q)[M] = reinterpret_cast<const float(*)[M]>(noise);
  float mean[M] = {};
  float P[M][M] = {};
  for (int i = 0; i < M; ++i) P[i][i] = 1;
  for (int t = 0; t < steps; ++t) {
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

template <int M>
void kalman(Inputs inputs, Outputs outputs) {
  float* const targets[] = {out(outputs, 0), out(outputs, 1), out(outputs, 2), out(outputs, 3), out(outputs, 4)};
  filter<M>(in(inputs, 0), in(inputs, 1), in(inputs, 2), in(inputs, 3), 10000, targets);
}

// A thousand series of a thousand steps. Models apart: the distance from one series' model to the next, in models.
template <int Apart>
void kalman_batch(Inputs inputs, Outputs outputs) {
  constexpr int m = 4;
  constexpr int steps = 1000;
  for (int k = 0; k < 1000; ++k) {
    const int model = k * Apart;
    float* const targets[] = {out(outputs, 0) + k * m, out(outputs, 1) + k * m * m, out(outputs, 2) + k * steps * m,
                              out(outputs, 3) + k * steps * m * m, out(outputs, 4) + k * steps};
    filter<m>(in(inputs, 0) + model * m * m, in(inputs, 1) + model * m, in(inputs, 2) + model * m * m,
              in(inputs, 3) + k * steps, steps, targets);
  }
}

}  // namespace

PlainLoop find_filter(std::string_view name) {
  static constexpr NamedLoop loops[] = {
      {"dlm_backward_2_1600", dlm_backward<2, 1600>},
      {"dlm_backward_2_12800", dlm_backward<2, 12800>},
      {"dlm_backward_4_1600", dlm_backward<4, 1600>},
      {"dlm_backward_8_1600", dlm_backward<8, 1600>},
      {"dlm_backward_13_1600", dlm_backward<13, 1600>},
      {"kalman_2", kalman<2>},
      {"kalman_4", kalman<4>},
      {"kalman_8", kalman<8>},
      {"kalman_13", kalman<13>},
      {"kalman_batch", kalman_batch<0>},
      {"kalman_batch_models", kalman_batch<1>},
  };
  return find(loops, name);
}

}  // namespace jaxc::bench
