// Plain loops of derivatives: the adjoint of each step, from the last to the first, on what the forward loop kept.
#include <cmath>
#include <cstddef>
#include <vector>

#include "bench/plain/loops.h"
#include "bench/plain/network.h"

namespace jaxc::bench {

namespace {

// The derivative of the filter's log-likelihood by the scale of Q. A step's adjoint needs its gain, variance and
// innovation; means and covariances are not kept.
template <int M>
void kalman_gradient(Inputs inputs, Outputs outputs) {
  constexpr int steps = 2000;
  const float scale = in(inputs, 0)[0];
  const float(*F)[M] = reinterpret_cast<const float(*)[M]>(in(inputs, 1));
  const float* H = in(inputs, 2);
  const float(*Q)[M] = reinterpret_cast<const float(*)[M]>(in(inputs, 3));
  const float* ys = in(inputs, 4);
  struct Kept {
    float gain[M], variance, innovation;
  };
  std::vector<Kept> kept(steps);

  float mean[M] = {};
  float P[M][M] = {};
  for (int i = 0; i < M; ++i) P[i][i] = 1;
  for (int t = 0; t < steps; ++t) {
    Kept& step = kept[static_cast<std::size_t>(t)];
    float predicted[M] = {};
    for (int i = 0; i < M; ++i)
      for (int k = 0; k < M; ++k) predicted[i] += F[i][k] * mean[k];
    float FP[M][M] = {};
    for (int i = 0; i < M; ++i)
      for (int k = 0; k < M; ++k)
        for (int j = 0; j < M; ++j) FP[i][j] += F[i][k] * P[k][j];
    float C[M][M];
    for (int i = 0; i < M; ++i)
      for (int j = 0; j < M; ++j) C[i][j] = scale * Q[i][j];
    for (int i = 0; i < M; ++i)
      for (int k = 0; k < M; ++k)
        for (int j = 0; j < M; ++j) C[i][j] += FP[i][k] * F[j][k];
    float CH[M] = {};
    for (int i = 0; i < M; ++i)
      for (int k = 0; k < M; ++k) CH[i] += C[i][k] * H[k];
    step.variance = 0.5F;
    for (int j = 0; j < M; ++j) step.variance += H[j] * CH[j];
    for (int i = 0; i < M; ++i) step.gain[i] = CH[i] / step.variance;
    step.innovation = ys[t];
    for (int k = 0; k < M; ++k) step.innovation -= H[k] * predicted[k];
    for (int i = 0; i < M; ++i) mean[i] = predicted[i] + step.gain[i] * step.innovation;
    for (int i = 0; i < M; ++i)
      for (int j = 0; j < M; ++j) P[i][j] = C[i][j] - step.gain[i] * step.gain[j] * step.variance;
  }

  float mean_adjoint[M] = {};
  float P_adjoint[M][M] = {};
  float scale_adjoint = 0;
  for (int t = steps; t-- > 0;) {
    const Kept& step = kept[static_cast<std::size_t>(t)];
    const float v = step.variance;
    const float e = step.innovation;
    float gain_adjoint[M];
    for (int i = 0; i < M; ++i) {
      float sum = 0;
      for (int j = 0; j < M; ++j) sum += (P_adjoint[i][j] + P_adjoint[j][i]) * step.gain[j];
      gain_adjoint[i] = mean_adjoint[i] * e - sum * v;
    }
    float v_adjoint = -0.5F * (1 / v - e * e / (v * v));
    for (int i = 0; i < M; ++i)
      for (int j = 0; j < M; ++j) v_adjoint -= step.gain[i] * P_adjoint[i][j] * step.gain[j];
    float e_adjoint = -e / v;
    for (int i = 0; i < M; ++i) e_adjoint += mean_adjoint[i] * step.gain[i];
    for (int i = 0; i < M; ++i) v_adjoint -= gain_adjoint[i] * step.gain[i] / v;
    float C_adjoint[M][M];
    for (int i = 0; i < M; ++i) {
      const float CH_adjoint = gain_adjoint[i] / v + H[i] * v_adjoint;
      for (int j = 0; j < M; ++j) C_adjoint[i][j] = P_adjoint[i][j] + CH_adjoint * H[j];
    }
    for (int i = 0; i < M; ++i)
      for (int j = 0; j < M; ++j) scale_adjoint += C_adjoint[i][j] * Q[i][j];
    float CF[M][M] = {};
    for (int i = 0; i < M; ++i)
      for (int k = 0; k < M; ++k)
        for (int j = 0; j < M; ++j) CF[i][j] += C_adjoint[i][k] * F[k][j];
    for (int i = 0; i < M; ++i)
      for (int j = 0; j < M; ++j) P_adjoint[i][j] = 0;
    for (int k = 0; k < M; ++k)
      for (int i = 0; i < M; ++i)
        for (int j = 0; j < M; ++j) P_adjoint[i][j] += F[k][i] * CF[k][j];
    float next_mean_adjoint[M] = {};
    for (int k = 0; k < M; ++k)
      for (int i = 0; i < M; ++i) next_mean_adjoint[i] += F[k][i] * (mean_adjoint[k] - H[k] * e_adjoint);
    for (int i = 0; i < M; ++i) mean_adjoint[i] = next_mean_adjoint[i];
  }
  out(outputs, 0)[0] = scale_adjoint;
}

// The derivative of the sum of an LSTM's hidden states by the input weights. Activated gates and cells are kept; the
// gates' adjoints take their place, and meet the inputs after the loop.
template <int H, int Batch>
void lstm_gradient(Inputs inputs, Outputs outputs) {
  constexpr int steps = 200;
  constexpr int rows = steps * Batch;
  const float* hidden_weights = in(inputs, 1);
  std::vector<float> gates(static_cast<std::size_t>(rows) * 4 * H);
  std::vector<float> cells(static_cast<std::size_t>(rows + Batch) * H);
  for (int row = 0; row < rows; ++row)
    add_product<H, 4 * H>(in(inputs, 2) + row * H, in(inputs, 0), gates.data() + row * 4 * H);
  std::vector<float> hidden(Batch * H);
  for (int row = 0; row < rows; ++row) {
    float* z = gates.data() + row * 4 * H;
    float* h = hidden.data() + row % Batch * H;
    const float* before = cells.data() + row * H;
    float* cell = cells.data() + (row + Batch) * H;
    add_product<H, 4 * H>(h, hidden_weights, z);
    for (int k = 0; k < H; ++k) {
      z[k] = sigmoid(z[k]);
      z[H + k] = sigmoid(z[H + k]);
      z[2 * H + k] = std::tanh(z[2 * H + k]);
      z[3 * H + k] = sigmoid(z[3 * H + k]);
      cell[k] = z[H + k] * before[k] + z[k] * z[2 * H + k];
      h[k] = z[3 * H + k] * std::tanh(cell[k]);
    }
  }

  std::vector<float> transposed(4 * H * H);
  for (int k = 0; k < H; ++k)
    for (int j = 0; j < 4 * H; ++j) transposed[static_cast<std::size_t>(j * H + k)] = hidden_weights[k * 4 * H + j];
  std::vector<float> hidden_adjoint(Batch * H);
  std::vector<float> cell_adjoint(Batch * H);
  for (int row = rows; row-- > 0;) {
    float* z = gates.data() + row * 4 * H;
    const float* before = cells.data() + row * H;
    const float* cell = cells.data() + (row + Batch) * H;
    float* dh = hidden_adjoint.data() + row % Batch * H;
    float* dc = cell_adjoint.data() + row % Batch * H;
    for (int k = 0; k < H; ++k) {
      const float i = z[k];
      const float f = z[H + k];
      const float g = z[2 * H + k];
      const float o = z[3 * H + k];
      const float squashed = std::tanh(cell[k]);
      const float h_adjoint = dh[k] + 1;
      dc[k] += h_adjoint * o * (1 - squashed * squashed);
      z[k] = dc[k] * g * i * (1 - i);
      z[H + k] = dc[k] * before[k] * f * (1 - f);
      z[2 * H + k] = dc[k] * i * (1 - g * g);
      z[3 * H + k] = h_adjoint * squashed * o * (1 - o);
      dc[k] *= f;
      dh[k] = 0;
    }
    add_product<4 * H, H>(z, transposed.data(), dh);
  }
  float* weights_adjoint = out(outputs, 0);
  for (int k = 0; k < H * 4 * H; ++k) weights_adjoint[k] = 0;
  for (int row = 0; row < rows; ++row)
    for (int k = 0; k < H; ++k)
      for (int j = 0; j < 4 * H; ++j)
        weights_adjoint[k * 4 * H + j] += in(inputs, 2)[row * H + k] * gates[static_cast<std::size_t>(row * 4 * H + j)];
}

}  // namespace

PlainLoop find_gradient(std::string_view name) {
  static constexpr NamedLoop loops[] = {{"kalman_gradient_2", kalman_gradient<2>},
                                        {"kalman_gradient_4", kalman_gradient<4>},
                                        {"lstm_gradient", lstm_gradient<128, 8>}};
  return find(loops, name);
}

}  // namespace jaxc::bench
