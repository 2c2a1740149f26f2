rule analyse:
    input:
        inputs("analyse"),
    output:
        **outputs("analyse"),
    log:
        "logs/{study}/analyse/{analysis}/{job}.log",
    benchmark:
        "results/{study}/timing/analyse/{analysis}/{job}.tsv"
    conda:
        "../envs/pipeline.yaml"
    threads: THREADS
    resources:
        **requests("analyse"),
    params:
        **parameters("analyse"),
    shell:
        "python -m pipeline analyse --study {wildcards.study}"
        " --analysis {wildcards.analysis} --job {wildcards.job} > {log} 2>&1"
