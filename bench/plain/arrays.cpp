// Plain loops over whole arrays: sums, sorts, products, rows.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

#include "bench/plain/loops.h"

namespace jaxc::bench {

namespace {

template <int Power>
void cumsum(Inputs inputs, Outputs outputs) {
  float sum = 0;
  for (int k = 0; k < 1 << Power; ++k) out(outputs, 0)[k] = sum += in(inputs, 0)[k];
}

void sort(Inputs inputs, Outputs outputs) {
  constexpr int count = 1 << 20;
  std::copy_n(in(inputs, 0), count, out(outputs, 0));
  std::sort(out(outputs, 0), out(outputs, 0) + count);
}

void argsort(Inputs inputs, Outputs outputs) {
  constexpr int count = 1 << 20;
  const float* keys = in(inputs, 0);
  auto* order = static_cast<std::int32_t*>(outputs[0]);
  std::iota(order, order + count, 0);
  std::sort(order, order + count,
            [keys](std::int32_t a, std::int32_t b) { return keys[a] < keys[b] || (keys[a] == keys[b] && a < b); });
}

void elementwise(Inputs inputs, Outputs outputs) {
  for (int k = 0; k < 1 << 22; ++k) {
    const float x = in(inputs, 0)[k];
    const float y = in(inputs, 1)[k];
    out(outputs, 0)[k] = std::sin(x) * std::exp(-y * y) + std::tanh(x * y) * 0.5F;
  }
}

template <int N>
void matmul(Inputs inputs, Outputs outputs) {
  float* c = out(outputs, 0);
  std::fill_n(c, N * N, 0.0F);
  for (int i = 0; i < N; ++i)
    for (int k = 0; k < N; ++k)
      for (int j = 0; j < N; ++j) c[i * N + j] += in(inputs, 0)[i * N + k] * in(inputs, 1)[k * N + j];
}

// Channels are last, and the image is padded to its own size: [Batch, Height, Width, Inputs] by
// [KernelHeight, KernelWidth, Inputs, Outputs].
template <int Batch, int Height, int Width, int InputCount, int KernelHeight, int KernelWidth, int OutputCount>
void convolution(Inputs inputs, Outputs outputs) {
  const float* image = in(inputs, 0);
  const float* kernel = in(inputs, 1);
  float* result = out(outputs, 0);
  for (int batch = 0; batch < Batch; ++batch)
    for (int y = 0; y < Height; ++y)
      for (int x = 0; x < Width; ++x) {
        float sums[OutputCount] = {};
        for (int dy = 0; dy < KernelHeight; ++dy)
          for (int dx = 0; dx < KernelWidth; ++dx) {
            const int row = y + dy - KernelHeight / 2;
            const int column = x + dx - KernelWidth / 2;
            if (row < 0 || row >= Height || column < 0 || column >= Width) continue;
            const float* from = image + ((batch * Height + row) * Width + column) * InputCount;
            const float* weights = kernel + (dy * KernelWidth + dx) * InputCount * OutputCount;
            for (int k = 0; k < InputCount; ++k)
              for (int j = 0; j < OutputCount; ++j) sums[j] += from[k] * weights[k * OutputCount + j];
          }
        std::copy_n(sums, OutputCount, result + ((batch * Height + y) * Width + x) * OutputCount);
      }
}

void attention_scores(Inputs inputs, Outputs outputs) {
  constexpr int batches = 4;
  constexpr int length = 256;
  constexpr int heads = 8;
  constexpr int width = 64;
  float* score = out(outputs, 0);
  for (int batch = 0; batch < batches; ++batch)
    for (int head = 0; head < heads; ++head)
      for (int query = 0; query < length; ++query)
        for (int key = 0; key < length; ++key) {
          const float* a = in(inputs, 0) + ((batch * length + query) * heads + head) * width;
          const float* b = in(inputs, 1) + ((batch * length + key) * heads + head) * width;
          float sum = 0;
          for (int k = 0; k < width; ++k) sum += a[k] * b[k];
          *score++ = sum;
        }
}

constexpr int rows = 4096;
constexpr int width = 1024;

void softmax(Inputs inputs, Outputs outputs) {
  for (int row = 0; row < rows; ++row) {
    const float* x = in(inputs, 0) + row * width;
    float* y = out(outputs, 0) + row * width;
    const float largest = *std::max_element(x, x + width);
    float sum = 0;
    for (int k = 0; k < width; ++k) sum += y[k] = std::exp(x[k] - largest);
    for (int k = 0; k < width; ++k) y[k] /= sum;
  }
}

void layer_norm(Inputs inputs, Outputs outputs) {
  for (int row = 0; row < rows; ++row) {
    const float* x = in(inputs, 0) + row * width;
    float* y = out(outputs, 0) + row * width;
    float sum = 0;
    for (int k = 0; k < width; ++k) sum += x[k];
    const float mean = sum / width;
    float squares = 0;
    for (int k = 0; k < width; ++k) squares += (x[k] - mean) * (x[k] - mean);
    const float factor = 1 / std::sqrt(squares / width + 1e-5F);
    for (int k = 0; k < width; ++k) y[k] = (x[k] - mean) * factor;
  }
}

void multiply_add(Inputs inputs, Outputs outputs) {
  for (int k = 0; k < 1 << 24; ++k) out(outputs, 0)[k] = in(inputs, 0)[k] * 2 + in(inputs, 1)[k];
}

// Sixteen sums, since one would round a long sum of floats badly.
void sum(Inputs inputs, Outputs outputs) {
  constexpr int lanes = 16;
  float sums[lanes] = {};
  for (int k = 0; k < 1 << 24; k += lanes)
    for (int lane = 0; lane < lanes; ++lane) sums[lane] += in(inputs, 0)[k + lane];
  *out(outputs, 0) = std::accumulate(sums, sums + lanes, 0.0F);
}

}  // namespace

PlainLoop find_array_loop(std::string_view name) {
  static constexpr NamedLoop loops[] = {
      {"cumsum_20", cumsum<20>},
      {"cumsum_24", cumsum<24>},
      {"sort", sort},
      {"argsort", argsort},
      {"elementwise", elementwise},
      {"matmul_16", matmul<16>},
      {"matmul_64", matmul<64>},
      {"matmul_256", matmul<256>},
      {"matmul_1024", matmul<1024>},
      {"conv_3x3", convolution<1, 56, 56, 64, 3, 3, 64>},
      {"conv_series", convolution<4, 1, 1024, 256, 1, 5, 256>},
      {"attention_scores", attention_scores},
      {"softmax", softmax},
      {"layer_norm", layer_norm},
      {"multiply_add", multiply_add},
      {"sum", sum},
  };
  return find(loops, name);
}

}  // namespace jaxc::bench
