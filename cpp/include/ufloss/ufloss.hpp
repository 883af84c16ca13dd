// The whole core: what a native user includes.
#pragma once
#include "ufloss/config.hpp"
#include "ufloss/registry.hpp"
#include "ufloss/registry_rows.hpp"
#if !defined(__CUDACC__)
#include "ufloss/kinds/elementwise/loop.hpp"
#include "ufloss/kinds/row/loop.hpp"
#endif
