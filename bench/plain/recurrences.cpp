// Plain loops of the other recurrences: scalars, planes of elements, a solver of equations, bodies, prefixes.
#include <algorithm>
#include <cmath>
#include <cstddef>

#include "bench/plain/loops.h"

namespace jaxc::bench {

namespace {

void scalar_recurrence(Inputs inputs, Outputs outputs) {
  const float* xs = in(inputs, 0);
  float* ys = out(outputs, 1);
  float c = 0;
  for (int t = 0; t < 1000000; ++t) {
    ys[t] = c;
    c = c * 0.99F + xs[t];
  }
  *out(outputs, 0) = c;
}

void diagonal_ssm(Inputs inputs, Outputs outputs) {
  constexpr int width = 1024;
  const float* decay = in(inputs, 0);
  float* h = out(outputs, 0);
  std::fill_n(h, width, 0.0F);
  for (int t = 0; t < 4096; ++t) {
    const float* x = in(inputs, 1) + t * width;
    float* y = out(outputs, 1) + t * width;
    for (int k = 0; k < width; ++k) y[k] = h[k] = decay[k] * h[k] + x[k];
  }
}

struct Populations {
  float prey;
  float predators;
};

Populations slope(Populations y) {
  return {1.1F * y.prey - 0.4F * y.prey * y.predators, 0.4F * y.prey * y.predators - 0.4F * y.predators};
}

Populations advance(Populations y, float h, Populations k) {
  return {y.prey + h * k.prey, y.predators + h * k.predators};
}

void runge_kutta(Inputs inputs, Outputs outputs) {
  constexpr float h = 0.001F;
  Populations y = {in(inputs, 0)[0], in(inputs, 0)[1]};
  float* ys = out(outputs, 1);
  for (int t = 0; t < 10000; ++t) {
    const Populations k1 = slope(y);
    const Populations k2 = slope(advance(y, h / 2, k1));
    const Populations k3 = slope(advance(y, h / 2, k2));
    const Populations k4 = slope(advance(y, h, k3));
    y.prey += h / 6 * (k1.prey + 2 * k2.prey + 2 * k3.prey + k4.prey);
    y.predators += h / 6 * (k1.predators + 2 * k2.predators + 2 * k3.predators + k4.predators);
    ys[2 * t] = y.prey;
    ys[2 * t + 1] = y.predators;
  }
  out(outputs, 0)[0] = y.prey;
  out(outputs, 0)[1] = y.predators;
}

void cholesky(const float (&a)[4][4], float* l) {
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 4; ++j) {
      float value = 0;
      if (j <= i) {
        value = 0.5F * (a[i][j] + a[j][i]);
        for (int k = 0; k < j; ++k) value -= l[4 * i + k] * l[4 * j + k];
        value = i == j ? std::sqrt(value) : value / l[5 * j];
      }
      l[4 * i + j] = value;
    }
}

void scan_cholesky(Inputs inputs, Outputs outputs) {
  float c[4][4];
  for (int k = 0; k < 16; ++k) c[k / 4][k % 4] = in(inputs, 0)[k];
  for (int t = 0; t < 500; ++t) {
    cholesky(c, out(outputs, 1) + 16 * t);
    for (int k = 0; k < 16; ++k) c[k / 4][k % 4] = c[k / 4][k % 4] * 0.9F + in(inputs, 1)[16 * t + k];
  }
  for (int k = 0; k < 16; ++k) out(outputs, 0)[k] = c[k / 4][k % 4];
}

void cholesky_batch(Inputs inputs, Outputs outputs) {
  for (int k = 0; k < 100000; ++k)
    cholesky(*reinterpret_cast<const float(*)[4][4]>(in(inputs, 0) + 16 * k), out(outputs, 0) + 16 * k);
}

// Gauss with row exchanges.
void solve_batch(Inputs inputs, Outputs outputs) {
  constexpr int m = 4;
  for (int batch = 0; batch < 100000; ++batch) {
    float a[m][m + 1];
    for (int i = 0; i < m; ++i) {
      for (int j = 0; j < m; ++j) a[i][j] = in(inputs, 0)[16 * batch + m * i + j];
      a[i][m] = in(inputs, 1)[m * batch + i];
    }
    for (int k = 0; k < m; ++k) {
      int pivot = k;
      for (int i = k + 1; i < m; ++i)
        if (std::fabs(a[i][k]) > std::fabs(a[pivot][k])) pivot = i;
      if (pivot != k)
        for (int j = 0; j <= m; ++j) std::swap(a[k][j], a[pivot][j]);
      for (int i = k + 1; i < m; ++i) {
        const float factor = a[i][k] / a[k][k];
        for (int j = k + 1; j <= m; ++j) a[i][j] -= factor * a[k][j];
      }
    }
    float* x = out(outputs, 0) + m * batch;
    for (int i = m - 1; i >= 0; --i) {
      float value = a[i][m];
      for (int j = i + 1; j < m; ++j) value -= a[i][j] * x[j];
      x[i] = value / a[i][i];
    }
  }
}

void n_body(Inputs inputs, Outputs outputs) {
  constexpr int bodies = 512;
  static_assert(bodies % 16 == 0);
  float position[3][bodies];
  float velocity[3][bodies];
  for (int k = 0; k < bodies; ++k)
    for (int d = 0; d < 3; ++d) {
      position[d][k] = in(inputs, 0)[3 * k + d];
      velocity[d][k] = in(inputs, 1)[3 * k + d];
    }
  for (int step = 0; step < 50; ++step) {
    float pull[3][bodies] = {};
    for (int j = 0; j < bodies; ++j)
      for (int i = 0; i < bodies; ++i) {
        const float x = position[0][j] - position[0][i];
        const float y = position[1][j] - position[1][i];
        const float z = position[2][j] - position[2][i];
        const float square = x * x + y * y + z * z + 0.1F;
        const float factor = 1 / (square * std::sqrt(square));
        pull[0][i] += x * factor;
        pull[1][i] += y * factor;
        pull[2][i] += z * factor;
      }
    for (int d = 0; d < 3; ++d)
      for (int k = 0; k < bodies; ++k) {
        position[d][k] += 0.01F * velocity[d][k];
        velocity[d][k] += 0.01F * pull[d][k];
      }
  }
  for (int k = 0; k < bodies; ++k)
    for (int d = 0; d < 3; ++d) {
      out(outputs, 0)[3 * k + d] = position[d][k];
      out(outputs, 1)[3 * k + d] = velocity[d][k];
    }
}

// Sixteen points at a time, so that the compiler sees vectors.
void mandelbrot(Inputs inputs, Outputs outputs) {
  constexpr int lanes = 16;
  for (int first = 0; first < 512 * 512; first += lanes) {
    const float* real = in(inputs, 0) + first;
    const float* imaginary = in(inputs, 1) + first;
    float x[lanes] = {};
    float y[lanes] = {};
    for (int step = 0; step < 100; ++step)
      for (int k = 0; k < lanes; ++k) {
        const float next = x[k] * x[k] - y[k] * y[k] + real[k];
        const float other = 2 * x[k] * y[k] + imaginary[k];
        x[k] = next;
        y[k] = other < -1e9F ? -1e9F : other > 1e9F ? 1e9F : other;
      }
    for (int k = 0; k < lanes; ++k) out(outputs, 0)[first + k] = x[k];
  }
}

void associative_affine(Inputs inputs, Outputs outputs) {
  float a = 1;
  float b = 0;
  for (int t = 0; t < 1 << 20; ++t) {
    const float factor = in(inputs, 0)[t];
    out(outputs, 0)[t] = a = factor * a;
    out(outputs, 1)[t] = b = factor * b + in(inputs, 1)[t];
  }
}

void associative_compose(Inputs inputs, Outputs outputs) {
  constexpr int m = 2;
  float A[m][m] = {{1, 0}, {0, 1}};
  float b[m] = {};
  float S[m][m] = {};
  for (int t = 0; t < 102400; ++t) {
    const float(*q)[m] = reinterpret_cast<const float(*)[m]>(in(inputs, 0) + t * m * m);
    float next[m][m] = {};
    float next_b[m];
    float half[m][m] = {};
    float next_S[m][m];
    for (int i = 0; i < m; ++i) {
      next_b[i] = in(inputs, 1)[t * m + i];
      for (int j = 0; j < m; ++j) next_S[i][j] = in(inputs, 2)[t * m * m + i * m + j];
    }
    for (int i = 0; i < m; ++i)
      for (int k = 0; k < m; ++k) {
        next_b[i] += q[i][k] * b[k];
        for (int j = 0; j < m; ++j) next[i][j] += q[i][k] * A[k][j];
        for (int j = 0; j < m; ++j) half[i][j] += q[i][k] * S[k][j];
      }
    for (int i = 0; i < m; ++i)
      for (int k = 0; k < m; ++k)
        for (int j = 0; j < m; ++j) next_S[i][j] += half[i][k] * q[j][k];
    for (int i = 0; i < m; ++i) {
      out(outputs, 1)[t * m + i] = b[i] = next_b[i];
      for (int j = 0; j < m; ++j) {
        out(outputs, 0)[(t * m + i) * m + j] = A[i][j] = next[i][j];
        out(outputs, 2)[(t * m + i) * m + j] = S[i][j] = next_S[i][j];
      }
    }
  }
}

}  // namespace

PlainLoop find_recurrence(std::string_view name) {
  static constexpr NamedLoop loops[] = {
      {"scalar_recurrence", scalar_recurrence},
      {"diagonal_ssm", diagonal_ssm},
      {"runge_kutta", runge_kutta},
      {"scan_cholesky", scan_cholesky},
      {"cholesky_batch", cholesky_batch},
      {"solve_batch", solve_batch},
      {"n_body", n_body},
      {"mandelbrot", mandelbrot},
      {"associative_affine", associative_affine},
      {"associative_compose", associative_compose},
  };
  return find(loops, name);
}

}  // namespace jaxc::bench
