// Plain loops of the recurrent network, the input half of its product taken out of the loop over time.
#include <cmath>
#include <vector>

#include "bench/plain/loops.h"
#include "bench/plain/network.h"

namespace jaxc::bench {

namespace {

template <int H, int Batch>
void lstm(Inputs inputs, Outputs outputs) {
  constexpr int steps = 500;
  std::vector<float> gates(static_cast<std::size_t>(steps) * Batch * 4 * H);
  for (int row = 0; row < steps * Batch; ++row)
    add_product<H, 4 * H>(in(inputs, 2) + row * H, in(inputs, 0), gates.data() + row * 4 * H);
  std::vector<float> hidden(Batch * H);
  std::vector<float> cell(Batch * H);
  for (int t = 0; t < steps; ++t)
    for (int b = 0; b < Batch; ++b) {
      float* z = gates.data() + (t * Batch + b) * 4 * H;
      float* h = hidden.data() + b * H;
      float* c = cell.data() + b * H;
      add_product<H, 4 * H>(h, in(inputs, 1), z);
      for (int k = 0; k < H; ++k) {
        c[k] = sigmoid(z[H + k]) * c[k] + sigmoid(z[k]) * std::tanh(z[2 * H + k]);
        h[k] = sigmoid(z[3 * H + k]) * std::tanh(c[k]);
        out(outputs, 2)[(t * Batch + b) * H + k] = h[k];
      }
    }
  for (int k = 0; k < Batch * H; ++k) out(outputs, 0)[k] = hidden[static_cast<std::size_t>(k)];
  for (int k = 0; k < Batch * H; ++k) out(outputs, 1)[k] = cell[static_cast<std::size_t>(k)];
}

}  // namespace

PlainLoop find_network(std::string_view name) {
  static constexpr NamedLoop loops[] = {
      {"lstm_32", lstm<32, 1>}, {"lstm_128", lstm<128, 1>}, {"lstm_512", lstm<512, 1>}, {"lstm_batch", lstm<128, 32>}};
  return find(loops, name);
}

}  // namespace jaxc::bench
