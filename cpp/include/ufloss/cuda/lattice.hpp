// Losses over a lattice as kernels; lattice_plan.hpp chooses.
//
// begin.hpp    sequences are looked at and frames summed up
// halves.hpp   the recursions meet in the middle, for almost all sequences
// careful.hpp  the same for any numbers and any label
// rows.hpp     posteriors become gradients and the like
// path.hpp     the best path
#pragma once
#include "ufloss/cuda/lattice/begin.hpp"
#include "ufloss/cuda/lattice/careful.hpp"
#include "ufloss/cuda/lattice/halves.hpp"
#include "ufloss/cuda/lattice/path.hpp"
#include "ufloss/cuda/lattice/rows.hpp"
