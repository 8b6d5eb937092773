// Packs panels of a product's operands: rows side by side, column after column.
#pragma once

#include "backends/llvm/runtime/dense/operand.h"

namespace jaxc::cpu::JAXC_DENSE_TARGET {

/// Positions of the folded axes that are packed together: a panel of the right factor fits the first cache.
inline constexpr std::int64_t panel_depth = 256;
/// The most of them, which are packed together where only the right factor is packed.
inline constexpr std::int64_t longest_panel = 512;

/// Four rows of four numbers, transposed in registers.
template <typename R>
void transpose_four(const R* const* sources, std::int64_t column, R* target, std::int64_t target_stride) {
  using Four [[gnu::vector_size(4 * sizeof(R))]] = R;
  using Loose [[gnu::vector_size(4 * sizeof(R)), gnu::aligned(alignof(R)), gnu::may_alias]] = R;
  Four rows[4];
  unrolled<4>([&](auto number) __attribute__((always_inline)) {
    rows[number] = *reinterpret_cast<const Loose*>(sources[number] + column);
  });
  const Four first = __builtin_shufflevector(rows[0], rows[1], 0, 4, 1, 5);
  const Four second = __builtin_shufflevector(rows[2], rows[3], 0, 4, 1, 5);
  const Four third = __builtin_shufflevector(rows[0], rows[1], 2, 6, 3, 7);
  const Four fourth = __builtin_shufflevector(rows[2], rows[3], 2, 6, 3, 7);
  const auto store = [&](std::int64_t number, const Four& value) {
    *reinterpret_cast<Loose*>(target + number * target_stride) = value;
  };
  store(0, __builtin_shufflevector(first, second, 0, 1, 4, 5));
  store(1, __builtin_shufflevector(first, second, 2, 3, 6, 7));
  store(2, __builtin_shufflevector(third, fourth, 0, 1, 4, 5));
  store(3, __builtin_shufflevector(third, fourth, 2, 3, 6, 7));
}

/// `width` rows of an operand as a panel, at most: missing rows are 0. What the rows share is found once.
template <int width, typename R>
class Panel {
 public:
  Panel(const Operand<const R>& source, std::int64_t first) : source_(source) {
    rows_ = static_cast<int>(std::min<std::int64_t>(width, source.rows.count - first));
    Walk walk(source.rows, first);
    for (int row = 0; row < rows_;) {
      const auto length = static_cast<int>(std::min<std::int64_t>(walk.left(), rows_ - row));
      segments_[segment_count_++] = {row, length, walk.place()};
      walk.advance(length);
      row += length;
    }
    const Place& step = source.rows.last().step;
    for (int k = 0; k < segment_count_; ++k) {
      Segment& segment = segments_[k];
      for (int bound = 0; bound < source.bounds; ++bound) {
        std::int64_t& from = segment.place.coordinates[bound];
        from += source.origin[bound];
        const std::int64_t to = from + step.coordinates[bound] * (segment.length - 1);
        low_[bound] = k == 0 ? from : std::min(low_[bound], from);
        high_[bound] = k == 0 ? to : std::max(high_[bound], to);
      }
    }
    while (joint_ < source.columns.axis_count && is_joint(joint_)) ++joint_;
  }

  /// Columns at equal distances, whose rows are all within bounds, or perhaps not.
  struct Run {
    std::int64_t columns = 0;
    bool inside = false;
  };
  Run run(const Walk& walk) const {
    if (is_inside(walk)) return {walk.left(joint_), true};
    // The positions [begin, end) along the last axis are inside.
    std::int64_t begin = 0;
    std::int64_t end = walk.left();
    for (int bound = 0; bound < source_.bounds; ++bound) {
      const std::int64_t at = walk.place().coordinates[bound];
      const std::int64_t step = source_.columns.last().step.coordinates[bound];
      const std::int64_t low = low_[bound] + at;
      const std::int64_t room = source_.limits[bound] - high_[bound] - at;
      if (step == 0) {
        if (low < 0 || room <= 0) end = 0;
        continue;
      }
      if (low < 0) begin = std::max(begin, steps(-low, step));
      end = std::min(end, room <= 0 ? 0 : steps(room, step));
    }
    if (begin >= end) return {walk.left(), false};
    return begin == 0 ? Run{end, true} : Run{begin, false};
  }
  /// Where the first row lies, and whether the others follow at equal distances.
  const Place& first_row() const { return segments_[0].place; }
  bool is_line() const { return segment_count_ == 1; }
  /// Where each row's columns lie from where the walk is on: those that are not within bounds, or missing, are zeros.
  /// Columns lie side by side and move no coordinates.
  void find(const Walk& walk, const R** sources) const {
    find(source_.data + walk.place().address, walk.place().coordinates, false, sources);
  }
  /// Whether all columns of a run are within bounds where its first one is, and lie side by side.
  bool has_rows() const { return source_.columns.last().step.address == 1 && !moves_coordinates(); }

  /// The columns [begin, begin + length), at most longest_panel.
  void pack(std::int64_t begin, std::int64_t length, R* panel) const {
    Walk walk(source_.columns, begin);
    const std::int64_t step = source_.columns.last().step.address;
    while (length > 0) {
      const Run next = run(walk);
      if (!next.inside && slides(walk)) {
        const std::int64_t columns = std::min({length, walk.left(2), most_staged / walk.left() * walk.left()});
        stage(walk, columns, panel);
        panel += columns * width;
        length -= columns;
        walk.advance(columns);
        continue;
      }
      const std::int64_t columns = std::min(length, next.columns);
      const R* const from = source_.data + walk.place().address;
      const bool unit_rows = source_.rows.last().step.address == 1 && rows_ > 1;
      Coordinates at = walk.place().coordinates;
      if (next.inside && unit_rows && segments_[0].length == width) {
        for (std::int64_t k = 0; k < columns; ++k)
          copy_whole(from + segments_[0].place.address + k * step, panel + k * width);
      } else if (step == 1 && columns >= 4 && (next.inside ? !unit_rows : !moves_coordinates())) {
        transpose(from, at, next.inside, columns, panel);
      } else {
        Rows rows[width];
        find_rows(at, next.inside, rows);
        for (std::int64_t k = 0; k < columns; ++k) {
          copy(from + k * step, rows, next.inside, panel + k * width);
          if (next.inside || !moves_coordinates()) continue;
          for (int bound = 0; bound < source_.bounds; ++bound)
            at[bound] += source_.columns.last().step.coordinates[bound];
          find_rows(at, false, rows);
        }
      }
      panel += columns * width;
      length -= columns;
      walk.advance(columns);
    }
  }

 private:
  /// The rows [begin, end) of a segment.
  struct Rows {
    int begin;
    int end;
  };

  /// Rows at equal distances.
  struct Segment {
    int row = 0;
    int length = 0;
    Place place;
  };

  // Whether the column axis `axes` from the end goes on where the axes after it end.
  bool is_joint(int axes) const {
    const Side& side = source_.columns;
    const int axis = side.axis_count - 1 - axes;
    const Side::Axis& inner = side.axes[axis + 1];
    return side.axes[axis].step.address == inner.step.address * inner.extent;
  }
  bool moves_coordinates() const {
    const Coordinates& steps = source_.columns.last().step.coordinates;
    return std::any_of(steps.begin(), steps.end(), [](std::int64_t step) { return step != 0; });
  }
  static std::int64_t steps(std::int64_t distance, std::int64_t step) {
    return step == 1 ? distance : (distance + step - 1) / step;
  }

  // Whether all rows are within bounds at all positions of the joint axes, wherever in them the walk is.
  bool is_inside(const Walk& walk) const {
    const Side& side = source_.columns;
    for (int bound = 0; bound < source_.bounds; ++bound) {
      const std::int64_t first = walk.place().coordinates[bound] - walk.coordinate(bound, joint_);
      std::int64_t last = first;
      for (int k = side.axis_count - joint_; k < side.axis_count; ++k)
        last += (side.axes[k].extent - 1) * side.axes[k].step.coordinates[bound];
      if (low_[bound] + first < 0 || high_[bound] + last >= source_.limits[bound]) return false;
    }
    return true;
  }

  // Columns that lie side by side in each row, all of them within bounds or none.
  void transpose(const R* from, const Coordinates& at, bool inside, std::int64_t columns, R* panel) const {
    const R* sources[width];
    find(from, at, inside, sources);
    transpose(sources, columns, panel);
  }
  void find(const R* from, const Coordinates& at, bool inside, const R** sources) const {
    alignas(vector_bytes) static constexpr R zeros[longest_panel] = {};
    std::fill(sources, sources + width, zeros);
    const Place& step = source_.rows.last().step;
    for (int k = 0; k < segment_count_; ++k) {
      const Segment& segment = segments_[k];
      const Rows rows = inside ? Rows{0, segment.length} : within(segment, at);
      for (int row = rows.begin; row < rows.end; ++row)
        sources[segment.row + row] = from + segment.place.address + row * step.address;
    }
  }
  void transpose(const R* const* sources, std::int64_t columns, R* panel) const {
    constexpr int fours = width / 4 * 4;
    std::int64_t done = 0;
    for (; done + 4 <= columns; done += 4)
      for (int row = 0; row < fours; row += 4)
        transpose_four(sources + row, done, panel + done * width + row, std::int64_t{width});
    for (int row = 0; row < width; ++row)
      for (std::int64_t k = row < fours ? done : 0; k < columns; ++k) panel[k * width + row] = sources[row][k];
  }

  // Whether short columns lie side by side from one position of the window to the next, of which some are not within
  // bounds.
  bool slides(const Walk& walk) const {
    const Side::Axis& last = source_.columns.last();
    return joint_ > 1 && last.step.address == 1 && !moves_coordinates() && walk.left() == last.extent &&
           last.extent < shortest_run;
  }

  // Each row's columns that are within bounds lie side by side: they come to rows of zeros.
  void stage(const Walk& walk, std::int64_t columns, R* panel) const {
    alignas(vector_bytes) R staged[width][most_staged];
    const R* sources[width];
    for (int row = 0; row < width; ++row) {
      sources[row] = staged[row];
      std::fill(staged[row], staged[row] + columns, R{});
    }
    const Place& step = source_.rows.last().step;
    const Place& window = source_.columns.axes[source_.columns.axis_count - 2].step;
    const std::int64_t extent = walk.left();
    for (int k = 0; k < segment_count_; ++k)
      for (int row = 0; row < segments_[k].length; ++row) {
        Place place = segments_[k].place;
        place.move(step, row);
        place.move(walk.place(), 1);
        std::int64_t begin = 0;
        std::int64_t end = (columns + extent - 1) / extent;
        for (int bound = 0; bound < source_.bounds; ++bound)
          narrow(bound, place.coordinates[bound], window.coordinates[bound], begin, end);
        if (begin < end)
          std::copy(source_.data + place.address + begin * extent,
                    source_.data + place.address + std::min(end * extent, columns),
                    staged[segments_[k].row + row] + begin * extent);
      }
    transpose(sources, columns, panel);
  }

  // One column of rows that lie side by side, none of them missing.
  static void copy_whole(const R* source, R* column) {
    for (int row = 0; row < width; ++row) column[row] = source[row];
  }

  // One column.
  void copy(const R* from, const Rows* rows, bool inside, R* column) const {
    const std::int64_t step = source_.rows.last().step.address;
    if (inside && segments_[0].length == width && step == 1) {
      const R* const source = from + segments_[0].place.address;
      for (int row = 0; row < width; ++row) column[row] = source[row];
      return;
    }
    if (!inside || rows_ < width)
      for (int row = 0; row < width; ++row) column[row] = R{};
    for (int k = 0; k < segment_count_; ++k) {
      const Segment& segment = segments_[k];
      const auto [begin, end] = rows[k];
      const R* const source = from + segment.place.address;
      R* const target = column + segment.row;
      int row = begin;
      if (step == 1) {
        if constexpr (width >= 2 * vector)
          for (; row + vector <= end; row += vector) copy_vector<VectorOf<R>>(source + row, target + row);
        for (; row + 4 <= end; row += 4) copy_vector<FourOf>(source + row, target + row);
      }
      for (; row < end; ++row) target[row] = source[row * step];
    }
  }
  template <typename Vector>
  static void copy_vector(const R* source, R* target) {
    using Loose [[gnu::aligned(alignof(R)), gnu::may_alias]] = Vector;
    *reinterpret_cast<Loose*>(target) = *reinterpret_cast<const Loose*>(source);
  }

  // Of each segment, the rows that are within bounds.
  void find_rows(const Coordinates& at, bool inside, Rows* rows) const {
    for (int k = 0; k < segment_count_; ++k) rows[k] = inside ? Rows{0, segments_[k].length} : within(segments_[k], at);
  }
  Rows within(const Segment& segment, const Coordinates& at) const {
    std::int64_t begin = 0;
    std::int64_t end = segment.length;
    for (int bound = 0; bound < source_.bounds; ++bound)
      narrow(bound, segment.place.coordinates[bound] + at[bound], source_.rows.last().step.coordinates[bound], begin,
             end);
    return {static_cast<int>(begin), static_cast<int>(std::max(begin, end))};
  }
  // Of the positions [begin, end), those whose coordinate, `from` + `step` * position, is within its bound.
  void narrow(int bound, std::int64_t from, std::int64_t step, std::int64_t& begin, std::int64_t& end) const {
    const std::int64_t room = source_.limits[bound] - from;
    if (step == 0) {
      if (from < 0 || room <= 0) end = begin;
      return;
    }
    if (from < 0) begin = std::max(begin, steps(-from, step));
    end = std::min(end, room <= 0 ? 0 : steps(room, step));
  }

  using FourOf [[gnu::vector_size(4 * sizeof(R))]] = R;
  static constexpr int vector = vector_bytes / static_cast<int>(sizeof(R));
  static constexpr std::int64_t most_staged = 64;  ///< columns
  static constexpr std::int64_t shortest_run = 8;  ///< that is worth a run of its own

  const Operand<const R>& source_;
  int rows_ = 0;
  int segment_count_ = 0;
  int joint_ = 1;  ///< column axes from the end that lie at equal distances together
  std::array<Segment, width> segments_;
  Coordinates low_ = {};  ///< of all rows
  Coordinates high_ = {};
};

}  // namespace jaxc::cpu::JAXC_DENSE_TARGET
