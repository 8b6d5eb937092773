// Reports the fit of the Nile's flow and draws it: the series, the smoothed level, its two-sigma band.
//
// usage: nile_plot RESULTS.safetensors nile.safetensors PLOT.svg
// RESULTS is what `jaxc run nile.jaxpr --out RESULTS.safetensors` wrote.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jaxc/array.h"
#include "jaxc/error.h"
#include "jaxc/safetensors.h"

namespace {

constexpr int first_year = 1871;
constexpr std::array<std::string_view, 16> result_names = {"deviance",
                                                           "smoothed state",
                                                           "smoothed covariance",
                                                           "state deviation",
                                                           "prediction",
                                                           "output deviation",
                                                           "filter state",
                                                           "filter covariance",
                                                           "innovation",
                                                           "its variance",
                                                           "residual",
                                                           "standardised residual",
                                                           "square sum",
                                                           "residual variance",
                                                           "mse",
                                                           "mape"};

std::span<const double> values(const jaxc::Safetensors& file, const std::string& name) {
  const auto found = file.arrays.find(name);
  if (found == file.arrays.end()) {
    throw jaxc::Error("nile_plot: the file must hold " + name + ", got none; write it with jaxc run --out");
  }
  return found->second.values<double>();
}

/// Every second-dimension element 0 of a [time, state] array: what concerns the level.
std::vector<double> level_column(std::span<const double> array, std::size_t steps) {
  const std::size_t width = array.size() / steps;
  std::vector<double> column(steps);
  for (std::size_t step = 0; step < steps; ++step) column[step] = array[step * width];
  return column;
}

/// max |got - want| / max |want|; NaN agrees with NaN only.
double largest_difference(std::span<const double> got, std::span<const double> want) {
  double difference = 0;
  double largest = 0;
  for (std::size_t index = 0; index < want.size(); ++index) {
    if (std::isnan(want[index]) && std::isnan(got[index])) continue;
    if (std::isnan(want[index]) || std::isnan(got[index])) return INFINITY;
    difference = std::max(difference, std::abs(got[index] - want[index]));
    largest = std::max(largest, std::abs(want[index]));
  }
  return largest == 0 ? difference : difference / largest;
}

/// Prints the deviance, the first levels, and how far each result is from Octave's. False when any is too far.
bool report(const jaxc::Safetensors& results, const jaxc::Safetensors& data, std::span<const double> level,
            std::span<const double> deviation) {
  fmt::print("deviance (-2 log likelihood)  {:.10f}\n", values(results, "out0")[0]);
  fmt::print("Octave's                      {:.10f}\n\n", values(data, "out0")[0]);
  fmt::print("year  smoothed level  two sigma\n");
  for (std::size_t step = 0; step < std::min<std::size_t>(5, level.size()); ++step) {
    fmt::print("{}  {:14.6f}  {:9.6f}\n", first_year + static_cast<int>(step), level[step], 2 * deviation[step]);
  }
  double worst = 0;
  std::string_view worst_name;
  for (std::size_t number = 0; number < result_names.size(); ++number) {
    const std::string name = "out" + std::to_string(number);
    const double difference = largest_difference(values(results, name), values(data, name));
    if (difference >= worst) {
      worst = difference;
      worst_name = result_names[number];
    }
  }
  fmt::print("\n{} results agree with Octave's to {:.1e} of each one's largest value ({} is the furthest)\n",
             result_names.size(), worst, worst_name);
  return worst <= 1e-9;
}

/// Places data in the picture: x is a year, y a flow.
struct Frame {
  double left = 70;
  double right = 880;
  double top = 56;
  double bottom = 412;
  double first_x;
  double last_x;
  double first_y;
  double last_y;

  double x(double year) const { return left + (year - first_x) / (last_x - first_x) * (right - left); }
  double y(double flow) const { return bottom - (flow - first_y) / (last_y - first_y) * (bottom - top); }
};

std::string text(double x, double y, std::string_view anchor, std::string_view content, std::string_view extra = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" {}>{}</text>\n", x, y, anchor, extra, content);
}

std::string axes(const Frame& frame) {
  std::string svg;
  for (double flow = frame.first_y; flow <= frame.last_y; flow += 200) {
    svg += fmt::format("<line x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\" stroke=\"#e4e4e4\"/>\n", frame.left,
                       frame.right, frame.y(flow));
    svg += text(frame.left - 8, frame.y(flow) + 4, "end", fmt::format("{:.0f}", flow));
  }
  for (double year = std::ceil(frame.first_x / 10) * 10; year <= frame.last_x; year += 10) {
    svg += fmt::format("<line x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\" stroke=\"#444\"/>\n", frame.x(year),
                       frame.bottom, frame.bottom + 5);
    svg += text(frame.x(year), frame.bottom + 20, "middle", fmt::format("{:.0f}", year));
  }
  svg += fmt::format("<path d=\"M{0} {1}V{2}H{3}\" fill=\"none\" stroke=\"#444\"/>\n", frame.left, frame.top,
                     frame.bottom, frame.right);
  svg += text((frame.left + frame.right) / 2, frame.bottom + 42, "middle", "year");
  svg += text(0, 0, "middle", "annual flow [10⁸ m³]",
              fmt::format("transform=\"translate(20 {:.1f}) rotate(-90)\"", (frame.top + frame.bottom) / 2));
  return svg;
}

std::string points_of_line(const Frame& frame, std::span<const double> flows) {
  std::string points;
  for (std::size_t step = 0; step < flows.size(); ++step) {
    points += fmt::format("{:.2f},{:.2f} ", frame.x(first_year + static_cast<double>(step)), frame.y(flows[step]));
  }
  return points;
}

std::string band(const Frame& frame, std::span<const double> level, std::span<const double> deviation) {
  std::string upper;
  std::string lower;
  for (std::size_t step = 0; step < level.size(); ++step) {
    const std::size_t back = level.size() - 1 - step;
    upper += fmt::format("{:.2f},{:.2f} ", frame.x(first_year + static_cast<double>(step)),
                         frame.y(level[step] + 2 * deviation[step]));
    lower += fmt::format("{:.2f},{:.2f} ", frame.x(first_year + static_cast<double>(back)),
                         frame.y(level[back] - 2 * deviation[back]));
  }
  return fmt::format("<polygon points=\"{}{}\" fill=\"#2b6cb0\" fill-opacity=\"0.2\"/>\n", upper, lower);
}

std::string dots(const Frame& frame, std::span<const double> flows) {
  std::string svg;
  for (std::size_t step = 0; step < flows.size(); ++step) {
    if (std::isnan(flows[step])) continue;
    svg += fmt::format("<circle cx=\"{:.2f}\" cy=\"{:.2f}\" r=\"2.6\" fill=\"#c05621\"/>\n",
                       frame.x(first_year + static_cast<double>(step)), frame.y(flows[step]));
  }
  return svg;
}

std::string legend(const Frame& frame) {
  const double y = frame.top - 14;
  double x = frame.left + 4;
  std::string svg = fmt::format("<circle cx=\"{}\" cy=\"{}\" r=\"2.6\" fill=\"#c05621\"/>\n", x + 4, y - 4);
  svg += text(x + 14, y, "start", "measured");
  x += 100;
  svg += fmt::format("<line x1=\"{0}\" x2=\"{1}\" y1=\"{2}\" y2=\"{2}\" stroke=\"#2b6cb0\" stroke-width=\"2\"/>\n", x,
                     x + 22, y - 4);
  svg += text(x + 28, y, "start", "smoothed level");
  x += 146;
  svg += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"22\" height=\"10\" fill=\"#2b6cb0\" fill-opacity=\"0.2\"/>\n", x,
                     y - 9);
  return svg + text(x + 28, y, "start", "two sigma");
}

std::string plot(std::span<const double> flows, std::span<const double> level, std::span<const double> deviation) {
  const Frame frame{.first_x = first_year,
                    .last_x = first_year + static_cast<double>(flows.size()) - 1,
                    .first_y = 400,
                    .last_y = 1400};
  std::string svg =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"900\" height=\"470\" viewBox=\"0 0 900 470\" "
      "font-family=\"sans-serif\" font-size=\"13\" fill=\"#222\">\n"
      "<rect width=\"900\" height=\"470\" fill=\"white\"/>\n";
  svg += text(frame.left, 24, "start", "The Nile at Aswan: Kalman smoother, local linear trend",
              "font-size=\"16\" font-weight=\"bold\"");
  svg += axes(frame) + band(frame, level, deviation);
  svg += fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"#2b6cb0\" stroke-width=\"2\"/>\n",
                     points_of_line(frame, level));
  return svg + dots(frame, flows) + legend(frame) + "</svg>\n";
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) {
    fmt::print(stderr, "usage: nile_plot RESULTS.safetensors nile.safetensors PLOT.svg\n");
    return 2;
  }
  try {
    const auto results = jaxc::Safetensors::load(arguments[1]);
    const auto data = jaxc::Safetensors::load(arguments[2]);
    const auto flows = values(data, "in0");
    const auto level = level_column(values(results, "out1"), flows.size());
    const auto deviation = level_column(values(results, "out3"), flows.size());
    const bool agrees = report(results, data, level, deviation);
    std::ofstream file(arguments[3]);
    file << plot(flows, level, deviation);
    file.close();
    if (!file) throw jaxc::Error(fmt::format("nile_plot: cannot write {}", arguments[3]));
    fmt::print("plot: {}\n", arguments[3]);
    return agrees ? 0 : 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return 1;
  }
}
