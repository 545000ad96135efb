#!/bin/sh
# Collects the wheels that autoai4eo needs on a machine with JAX, scientific Python and no
# network:
#
#     sh benchmarks/gpu_wheels.sh FOLDER [PYTHON] [PACKAGE …]
#
# PYTHON is the version of Python there, 3.12 where none is given. The machine has JAX,
# NumPy, SciPy, h5py, pandas, scikit-learn, Matplotlib, Jinja2, cloudpickle, rich, typer
# and what these need; name a PACKAGE that it lacks. There:
#
#     python3 -m pip install --no-index --no-deps --target SITE FOLDER/*.whl
#     PYTHONPATH=SITE:. python3 benchmarks/gpu.py …
set -eu

folder=${1:?"expected a folder for the wheels, found none: sh benchmarks/gpu_wheels.sh FOLDER"}
python=${2:-3.12}
shift; [ $# -eq 0 ] || shift

# Without their dependencies: AutoKeras and KerasTuner would bring TensorFlow's tools.
pip() {
    python3 -m pip download --quiet --no-deps --only-binary=:all: --dest "$folder" "$@"
}
compiled() {
    pip --python-version "$python" --implementation cp \
        --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 \
        --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
        --platform manylinux1_x86_64 "$@"
}

mkdir -p "$folder"
# the search
compiled 'autokeras==3.0.*' 'keras>=3.14,<3.16' 'keras-tuner>=1.4.8,<1.5' kt-legacy \
    dm-tree six wrapt namex optree
# its record and its fronts
compiled 'optuna==5.*' alembic mako colorlog tqdm PyYAML 'moocore>=0.3,<0.4' cffi \
    pycparser platformdirs
# the pure one: 2 MB for 5
pip --platform any 'sqlalchemy==2.*'
# the references
compiled 'skops>=0.13,<0.15' prettytable wcwidth
# scenes; the wheel of 1.4.4 is half as large again
compiled 'rasterio==1.4.3' affine cligj click-plugins pyparsing certifi
[ $# -eq 0 ] || compiled "$@"

echo "$(ls "$folder" | wc -l) wheels, $(du -sm "$folder" | cut -f1) MiB, in $folder"
