DRAWINGS = outputs("draw")


rule draw:
    input:
        inputs("draw"),
    output:
        svg=DRAWINGS["svg"],
        png=report(
            DRAWINGS["png"],
            caption="../report/caption.jinja",
            category=figure_category,
            labels=figure_labels,
        ),
        csv=DRAWINGS["csv"],
    log:
        "logs/{study}/draw/{figure}.log",
    benchmark:
        "results/{study}/timing/draw/{figure}.tsv"
    conda:
        "../envs/pipeline.yaml"
    params:
        **parameters("draw"),
    shell:
        "python -m pipeline draw --study {wildcards.study} --figure {wildcards.figure} > {log} 2>&1"
