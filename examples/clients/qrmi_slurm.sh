#!/bin/bash
#SBATCH --job-name=bell
#SBATCH --ntasks=1
#SBATCH --time=5
# A Slurm job that uses a quantum device. Needs `markaz login` on the cluster, or MARKAZ_URL and
# MARKAZ_KEY, and MARKAZ_PROJECT if you are in several projects. With the SPANK plug-in of QRMI,
# --qpu=simulator does what stands before srun.
set -eu

resource=simulator
variables=$(markaz env --qrmi "$resource")
eval "$variables"
export QRMI_JOB_QPU_RESOURCES=$resource
export QRMI_JOB_QPU_TYPES=ibm-quantum-compute-service

srun python examples/clients/qrmi_sampler.py
