// Dual numbers: a value and its derivative along one direction. An operation of ref/ops.h instantiated with
// Dual<double> computes an exact directional derivative beside its result: the oracle of every backward.
#pragma once

#include <cmath>

namespace fettle::ref {

template <class T>
struct Dual {
  T value{}, slope{};

  Dual() = default;
  Dual(T v) : value(v) {}  // NOLINT: a constant is a dual number
  Dual(T v, T s) : value(v), slope(s) {}

  friend Dual operator+(Dual a, Dual b) { return {a.value + b.value, a.slope + b.slope}; }
  friend Dual operator-(Dual a, Dual b) { return {a.value - b.value, a.slope - b.slope}; }
  friend Dual operator-(Dual a) { return {-a.value, -a.slope}; }
  friend Dual operator*(Dual a, Dual b) { return {a.value * b.value, a.slope * b.value + a.value * b.slope}; }
  friend Dual operator/(Dual a, Dual b) {
    return {a.value / b.value, (a.slope * b.value - a.value * b.slope) / (b.value * b.value)};
  }
  Dual& operator+=(Dual b) { return *this = *this + b; }
  Dual& operator-=(Dual b) { return *this = *this - b; }
  Dual& operator*=(Dual b) { return *this = *this * b; }
  Dual& operator/=(Dual b) { return *this = *this / b; }

  // By value: max(a, b) has the derivative of the larger.
  friend bool operator<(Dual a, Dual b) { return a.value < b.value; }
  friend bool operator>(Dual a, Dual b) { return a.value > b.value; }

  friend Dual exp(Dual a) {
    const T e = std::exp(a.value);
    return {e, a.slope * e};
  }
  friend Dual log(Dual a) { return {std::log(a.value), a.slope / a.value}; }
  friend Dual sqrt(Dual a) {
    const T root = std::sqrt(a.value);
    return {root, a.slope / (T(2) * root)};
  }
  friend Dual tanh(Dual a) {
    const T t = std::tanh(a.value);
    return {t, a.slope * (T(1) - t * t)};
  }
};

}  // namespace fettle::ref
