#include "tune/loss_plot.h"

#include <cairo.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "base/error.h"
#include "base/file.h"

namespace fettle {

namespace {
constexpr double kWidth = 640, kHeight = 480, kLeft = 72, kRight = 24, kTop = 48, kBottom = 56;

struct Axis {
  double low, high, step;
};

// Round tick distances (1, 2 or 5 times a power of ten) that give about `ticks` of them.
Axis nice_axis(double low, double high, int ticks) {
  if (high - low < 1e-12) {
    low -= 0.5;
    high += 0.5;
  }
  const double raw = (high - low) / ticks, power = std::pow(10, std::floor(std::log10(raw)));
  const double step = power * (raw / power <= 1 ? 1 : raw / power <= 2 ? 2 : raw / power <= 5 ? 5 : 10);
  return {std::floor(low / step) * step, std::ceil(high / step) * step, step};
}

struct Chart {
  cairo_t* cr;
  Axis x, y;
  double px(double v) const { return kLeft + (v - x.low) / (x.high - x.low) * (kWidth - kLeft - kRight); }
  double py(double v) const {
    return kHeight - kBottom - (v - y.low) / (y.high - y.low) * (kHeight - kTop - kBottom);
  }
};

enum class Anchor { left, middle, right };

void text_at(cairo_t* cr, double x, double y, const std::string& text, Anchor anchor, double size) {
  cairo_set_font_size(cr, size);
  cairo_text_extents_t extents;
  cairo_text_extents(cr, text.c_str(), &extents);
  const double shift = anchor == Anchor::left     ? 0
                       : anchor == Anchor::middle ? extents.x_advance / 2
                                                  : extents.x_advance;
  cairo_move_to(cr, x - shift, y);
  cairo_show_text(cr, text.c_str());
}

void draw_frame(const Chart& c, const std::string& key, const std::string& title) {
  cairo_set_source_rgb(c.cr, 1, 1, 1);
  cairo_paint(c.cr);
  cairo_select_font_face(c.cr, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_line_width(c.cr, 1);
  for (double v = c.y.low; v <= c.y.high + c.y.step / 2; v += c.y.step) {
    cairo_set_source_rgb(c.cr, 0.88, 0.88, 0.88);
    cairo_move_to(c.cr, kLeft, c.py(v));
    cairo_line_to(c.cr, kWidth - kRight, c.py(v));
    cairo_stroke(c.cr);
    cairo_set_source_rgb(c.cr, 0.2, 0.2, 0.2);
    text_at(c.cr, kLeft - 8, c.py(v) + 4, fmt::format("{:.6g}", std::abs(v) < c.y.step / 2 ? 0 : v),
            Anchor::right, 12);
  }
  for (double v = c.x.low; v <= c.x.high + c.x.step / 2; v += c.x.step) {
    text_at(c.cr, c.px(v), kHeight - kBottom + 18, fmt::format("{:.6g}", v), Anchor::middle, 12);
  }
  cairo_rectangle(c.cr, kLeft, kTop, kWidth - kLeft - kRight, kHeight - kTop - kBottom);
  cairo_stroke(c.cr);
  text_at(c.cr, kWidth / 2, 28, title, Anchor::middle, title.size() > 60 ? 11 : 14);
  text_at(c.cr, kWidth / 2, kHeight - 14, "step", Anchor::middle, 13);
  cairo_save(c.cr);
  cairo_translate(c.cr, 18, kHeight / 2);
  cairo_rotate(c.cr, -std::acos(-1.0) / 2);
  text_at(c.cr, 0, 0, key, Anchor::middle, 13);
  cairo_restore(c.cr);
}

void draw_curve(const Chart& c, std::span<const double> steps, std::span<const double> values, double alpha) {
  cairo_set_source_rgba(c.cr, 0x1f / 255.0, 0x77 / 255.0, 0xb4 / 255.0, alpha);
  cairo_set_line_width(c.cr, 2);
  cairo_set_line_join(c.cr, CAIRO_LINE_JOIN_ROUND);
  cairo_new_path(c.cr);  // text leaves a current point behind
  for (size_t i = 0; i < steps.size(); ++i) cairo_line_to(c.cr, c.px(steps[i]), c.py(values[i]));
  cairo_stroke(c.cr);
}

void draw_legend(const Chart& c) {
  const double x = kWidth - kRight - 120, y = kTop + 20;
  const std::pair<const char*, double> rows[] = {{"original", 0.4}, {"smoothed", 1.0}};
  for (int i = 0; i < 2; ++i) {
    cairo_set_source_rgba(c.cr, 0x1f / 255.0, 0x77 / 255.0, 0xb4 / 255.0, rows[i].second);
    cairo_set_line_width(c.cr, 2);
    cairo_move_to(c.cr, x, y + 18 * i - 4);
    cairo_line_to(c.cr, x + 28, y + 18 * i - 4);
    cairo_stroke(c.cr);
    cairo_set_source_rgb(c.cr, 0.2, 0.2, 0.2);
    text_at(c.cr, x + 36, y + 18 * i, rows[i].first, Anchor::left, 12);
  }
}
}  // namespace

std::vector<double> smoothed(std::span<const double> values) {
  std::vector<double> out;
  if (values.empty()) return out;
  const double weight = 1.8 * (1 / (1 + std::exp(-0.05 * double(values.size()))) - 0.5);
  double last = values[0];
  for (double v : values) out.push_back(last = last * weight + (1 - weight) * v);
  return out;
}

bool plot_curve(std::span<const PlotPoint> points, const std::string& key, const std::string& title,
                const std::filesystem::path& png) {
  if (points.size() < 2) return false;
  std::vector<double> steps, values;
  for (const PlotPoint& p : points) {
    steps.push_back(double(p.step));
    values.push_back(p.value);
  }
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const std::unique_ptr<cairo_surface_t, void (*)(cairo_surface_t*)> surface(
      cairo_image_surface_create(CAIRO_FORMAT_RGB24, int(kWidth), int(kHeight)), cairo_surface_destroy);
  const std::unique_ptr<cairo_t, void (*)(cairo_t*)> cr(cairo_create(surface.get()), cairo_destroy);
  Chart chart{cr.get(), nice_axis(steps.front(), steps.back(), 6), nice_axis(*low, *high, 6)};
  chart.x.low = steps.front() < chart.x.step ? 0 : chart.x.low;
  draw_frame(chart, key, title);
  draw_curve(chart, steps, values, 0.4);
  draw_curve(chart, steps, smoothed(values), 1);
  draw_legend(chart);
  std::string bytes;  // collected first: an exception must not travel through the drawing library
  const auto collect = [](void* to, const unsigned char* data, unsigned int n) {
    static_cast<std::string*>(to)->append(reinterpret_cast<const char*>(data), n);
    return CAIRO_STATUS_SUCCESS;
  };
  const cairo_status_t status = cairo_surface_write_to_png_stream(surface.get(), collect, &bytes);
  FETTLE_CHECK(status == CAIRO_STATUS_SUCCESS, "drawing {}: {}", png.string(),
               cairo_status_to_string(status));
  write_atomic(png, bytes);
  return true;
}

}  // namespace fettle
